// Package ringfencetest helps an application to prove, in its own tests, what its middleware and its pool are for:
//
//   - Walk goes through every route with no, an empty, a malformed and an expired token, with another tenant's, and with the
//     owner's, and holds what is answered and what SQL ran in between;
//   - Observe stands between the application and its server and tells, for each statement that was sent, which tenant its
//     transaction had set, whatever library sent it;
//   - Mux and Collect list the routes of a router, so that none is forgotten;
//   - Postgres gives a test a real database of its own.
//
// To hold one more thing about a route, add a method of walker in walk_NAME.go, call it from Walk.Run, and give it a handler
// in walk_test.go that fails it.
package ringfencetest
