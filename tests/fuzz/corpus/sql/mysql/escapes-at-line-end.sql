SELECT 'a\
b;';
SELECT 'c\\';
SELECT 2;
