/* ; */ SELECT /* ; ' */ 1 /* 
;
 " */;
/* between; */
SELECT 2/**/;
SELECT 4;/* end; */
