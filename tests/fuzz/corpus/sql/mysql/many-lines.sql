SELECT


1
,

-- x

2

;


SELECT 3;
