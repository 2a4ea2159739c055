-- a comment; with semicolons
SELECT 1; -- trailing; one
SELECT 2 -- inner; one
, 3;
SELECT 5--3;
SELECT 5--	3;
, 4;
--
SELECT 6;
SELECT 7--x;
SELECT 8; --
--	Tab;
SELECT 9;
