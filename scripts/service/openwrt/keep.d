/etc/socketha/
/etc/config/socketha
