SELECT n'a\';
SELECT xe'a';
SELECT 3;
