-- it's
SELECT 1;
/* it's " $$ */
SELECT 2;
