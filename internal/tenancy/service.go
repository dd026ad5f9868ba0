package tenancy

import (
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// ServiceFunction returns the entry of ringfence.yaml for the function of that identity, or nil. An entry names its function with
// its argument types, as the server identifies or prints them, or without: then it stands for all functions of that name.
func (m *Model) ServiceFunction(identity string) *ServiceFunction {
	if m.Config == nil {
		return nil
	}
	names := map[string]bool{identity: true}
	if f := m.Snapshot.Function(identity); f != nil {
		bare := catalog.QuoteIdent(f.Schema) + "." + catalog.QuoteIdent(f.Name)
		names[bare], names[f.Signature()] = true, true
	}
	for i := range m.Config.Service {
		if s := &m.Config.Service[i]; names[strings.ReplaceAll(s.Name, ", ", ",")] {
			return s
		}
	}
	return nil
}
