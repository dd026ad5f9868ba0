module example.com/outside

go 1.26.0

require github.com/ringfencehq/ringfence v0.0.0

replace github.com/ringfencehq/ringfence => ../..
