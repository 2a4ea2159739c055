SELECT $$a;b'c$$;
SELECT $tag$ ; $$ ; $tag $ ; $tag$;
SELECT $a$ $b$ ; $a$;
SELECT $ä$ ; $ä$;
SELECT $_1$;$_1$;
DO $$ BEGIN PERFORM 1; PERFORM 2; END $$;
SELECT $$$$;
SELECT 2;
