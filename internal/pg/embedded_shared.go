//go:build linux || darwin

package pg

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// sharedServer is what the first process writes down for the others. The file
// stands in the cache directory, where only this user may write.
type sharedServer struct {
	Dir      string
	Port     int
	Password string
}

// joinOrStart joins the running server of this name and these options, or
// starts it. A lock makes two processes that come at once agree on one server.
func (s starter) joinOrStart(ctx context.Context) (*Embedded, error) {
	sum := sha256.Sum256(fmt.Append(nil, s.opts.Share, "\x00", s.template, "\x00", s.base, "\x00",
		s.opts.NoFsync, s.opts.TCP, s.opts.Linger, configArgs(s.opts.Config)))
	path := filepath.Join(s.cache, "shared", strconv.Itoa(s.who.uid)+"-"+hex.EncodeToString(sum[:8]))
	lock, err := lockFile(ctx, path+".lock")
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	e, err := s.join(path + ".json")
	if !errors.Is(err, errGone) {
		return e, err
	}
	e, err = s.start(ctx)
	if err != nil {
		return nil, err
	}
	content, err := json.Marshal(sharedServer{Dir: e.dir, Port: e.port, Password: e.password})
	if err == nil {
		err = os.WriteFile(path+".json", content, 0o600)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("writing down the shared server: %w", err), e.Stop())
	}
	return e, nil
}

// join joins the server that a file names; errGone where there is none.
func (s starter) join(path string) (*Embedded, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, errGone
	}
	if err != nil {
		return nil, fmt.Errorf("joining the shared server: %w", err)
	}
	var at sharedServer
	if err := json.Unmarshal(content, &at); err != nil || at.Dir == "" {
		return nil, errGone // half written by a process that was killed
	}
	lease, err := openJoin(at.Dir)
	if err != nil {
		return nil, err
	}
	e := &Embedded{dir: at.Dir, binaries: s.bin, port: at.Port, password: at.Password, shared: true, lease: lease}
	if pid, err := e.PID(); err != nil || !servesDir(pid, e.DataDir()) {
		lease.Close()
		return nil, errGone // the keeper lives, its server has ended
	}
	return e, nil
}
