SELECT 'a


b;', $$c

;$$, "d

;";


SELECT 2;
