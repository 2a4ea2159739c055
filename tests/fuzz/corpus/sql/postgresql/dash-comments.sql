-- a comment; with semicolons
SELECT 1; -- trailing; one
SELECT 2 -- inner; one
, 3;
SELECT 5--3;
;
SELECT 6;--x;
--
SELECT 7;
