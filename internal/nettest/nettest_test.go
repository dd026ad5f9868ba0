package nettest

import (
	"net"
	"testing"
)

// Addresses that were given stay the test's own: they are not given again, no connection is made from them, and what the test
// starts can listen there, again and again.
func TestFree(t *testing.T) {
	given := map[string]bool{}
	for range 300 {
		address := Free(t)
		if given[address] {
			t.Fatalf("%s was given twice", address)
		}
		given[address] = true
		if to, _ := net.ResolveTCPAddr("tcp", address); to.Port >= 32768 {
			t.Errorf("a connection may be made from %s", address)
		}
	}
	for address := range given {
		for range 2 {
			l, err := net.Listen("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			l.Close()
		}
	}
}
