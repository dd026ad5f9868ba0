package reach

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

// statements returns what a function runs, and why that is not the whole of it; "" where it is.
func (w *walker) statements(f *catalog.Function) ([]*expr.Query, string) {
	if f.Body == nil {
		return nil, "its body is not read"
	}
	all, err := w.m.Reader.Action(f.Body)
	if err != nil {
		return nil, "its body could not be read"
	}
	return all, ""
}
