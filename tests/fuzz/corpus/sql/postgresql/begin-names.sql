CREATE FUNCTION g(begin_at int) RETURNS int LANGUAGE sql AS $$ SELECT 1; $$;
CREATE TABLE function_begin ("begin" int);
SELECT 1 AS "BEGIN"; SELECT 2;
BEGIN; SELECT 3; END;
