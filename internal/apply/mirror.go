package apply

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"
)

// A mirror is a local copy of the run log: one JSON object a line, each with the hash of the line before it, appended and
// synced. It helps people; decisions are taken on the target's own log. A nil mirror writes nothing.
type mirror struct {
	mu   sync.Mutex
	file *os.File
	last string
}

func openMirror(path string) (*mirror, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the local run log: %w", err)
	}
	return &mirror{file: f}, nil
}

// write appends one attempt. A failure is not the run's: the target's log has the attempt.
func (m *mirror) write(row *logRow) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	line, err := json.Marshal(struct {
		At   time.Time `json:"at"`
		Prev string    `json:"prev"`
		*logRow
	}{time.Now().UTC(), m.last, row})
	if err != nil {
		return
	}
	sum := sha256.Sum256(line)
	if _, err := m.file.Write(append(line, '\n')); err == nil {
		m.last = hex.EncodeToString(sum[:])
		_ = m.file.Sync()
	}
}

func (m *mirror) close() {
	if m != nil {
		_ = m.file.Close() // every line was synced
	}
}
