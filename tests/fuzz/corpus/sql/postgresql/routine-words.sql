SELECT function, begin;
DROP FUNCTION IF EXISTS begin;
CREATE TABLE function (begin int);
SELECT 3;
