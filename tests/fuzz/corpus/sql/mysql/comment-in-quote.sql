SELECT '-- no;', "/* no;", `# no;`, '/*! no; */';
SELECT 2;
