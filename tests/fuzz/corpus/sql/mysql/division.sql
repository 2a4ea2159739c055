SELECT 4/2;
SELECT 4 /2 ;
SELECT 3* /* x; */ 2;
