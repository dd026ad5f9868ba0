// Package ringfencevet finds database connections that a request can use past its tenant: pools and connections of pgx and
// database/sql in handlers, or in what handlers call. It is an analyzer for go vet:
//
//	go install github.com/ringfencehq/ringfence/cmd/ringfencevet@latest
//	go vet -vettool=$(which ringfencevet) ./...
//
// A handler is a function that takes a request: *http.Request, gin.Context, echo.Context, fiber.Ctx, or a gRPC method of a server. In one,
// and in every function that it calls by name, in other packages too, a value of a raw type is reported, and so is a sql.DB that was not
// made by sql.OpenDB(pool.Connector()) of a ringfence.Pool. Start-up code may make pools; tests may do as they like.
//
// What is called by way of an interface or a function value is not followed: ringfencetest.Walk sees the SQL that a route really sends.
//
// One line is excepted, with its reason, by a comment at its end or above it:
//
//	pool.Ping(ctx) //ringfence:raw tells the load balancer that the server answers
//
// To find one more type or function, add it to raw.go and a case to testdata.
package ringfencevet
