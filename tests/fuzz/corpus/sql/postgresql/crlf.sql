-- comment
SELECT 1;
SELECT 2,
 3;
/* a
 */ SELECT 4;
SELECT 'a
b';
