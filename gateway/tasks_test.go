package gateway

import (
	"strconv"
	"testing"
	"time"
)

func TestTasks(t *testing.T) {
	var w tasks
	closed := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return true
		case <-time.After(10 * time.Millisecond):
			return false
		}
	}
	if !closed(w.gone()) {
		t.Error("what never began is waited for")
	}
	hold := make(chan struct{})
	end := w.begin()
	w.run(func() { <-hold })
	gone := w.gone()
	end()
	if closed(gone) {
		t.Error("one of two tasks ended, and nothing is waited for")
	}
	close(hold)
	<-gone
	if end = w.begin(); closed(w.gone()) {
		t.Error("a task that began after all had ended is not waited for")
	}
	end()
}

// A gateway may be told to end while a socket comes alive. The race detector holds it to that, and the rig to its end.
func TestDrainWhileOpening(t *testing.T) {
	for i := range 30 {
		t.Run(strconv.Itoa(i), func(t *testing.T) { newRig(t, opaque, echo).open(mine + ".anna.t1") })
	}
}
