SELECT '-- no;', $$/* no;$$;
SELECT 1 AS "-- no;";
SELECT 2;
