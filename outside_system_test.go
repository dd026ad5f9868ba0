//go:build system

package ringfence_test

import "testing"

// The example for chi, echo and gin is a module of its own, so that theirs are nobody's dependencies; its tests walk each router.
func TestSystemRouters(t *testing.T) {
	inModule(t, "examples/routers", "test", "./...")
}
