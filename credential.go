package ringfence

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// Format prints where a credential came from, whatever the verb, and never its token.
func (c Credential) Format(w fmt.State, _ rune) {
	io.WriteString(w, "credential from "+c.Address)
}

// LogValue is where a credential came from, never its token.
func (c Credential) LogValue() slog.Value {
	return slog.GroupValue(slog.String("address", c.Address), slog.String("user_agent", c.UserAgent))
}

// MarshalJSON gives where a credential came from, never its token.
func (c Credential) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"address": c.Address, "user_agent": c.UserAgent})
}
