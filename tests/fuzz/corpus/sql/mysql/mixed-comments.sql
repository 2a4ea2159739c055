/* a */ -- b
# c
/* d */ SELECT 1 /* e */ -- f;
;
SELECT 2;
