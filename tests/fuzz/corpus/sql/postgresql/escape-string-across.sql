SELECT E'a' -- x;
 'b';
SELECT 'a' -- it's;
 'b;';
SELECT 2;
