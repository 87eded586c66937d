module hostshim.dev/test/tools/faultproxy

go 1.21
