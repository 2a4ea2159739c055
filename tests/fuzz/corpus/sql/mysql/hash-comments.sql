# a comment; 'x
SELECT 1 # inner; "
, 2;
SELECT '#not; one';
SELECT 3;#x;
#
SELECT 4;
