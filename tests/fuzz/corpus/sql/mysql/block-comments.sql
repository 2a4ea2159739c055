/* ; */ SELECT /* ; ' */ 1 /* 
;
 ` */;
/* between; */
SELECT 2/**/;
SELECT 3 /* a /* b */ ;
SELECT 4;/* end; */
