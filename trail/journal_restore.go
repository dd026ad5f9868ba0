package trail

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
)

// abandon leaves a segment whose file failed: what fsync did not confirm may or may not be there, so nothing more is written to it. A
// file that was removed is made again from the one that is still open.
func (j *journal) abandon(cause error) {
	s := j.current
	if s == nil {
		return
	}
	j.current = nil
	if errors.Is(cause, errMoved) {
		j.restore(s)
		return
	}
	s.file.Truncate(s.durable)
	j.mu.Lock()
	s.sealed, s.allocated = true, 0
	j.mu.Unlock()
	j.alarm(Alarm{Kind: AlarmDisk, Text: "writing the journal: " + cause.Error()})
}

// restore writes what an open file still holds to a new one, and tells of the tampering.
func (j *journal) restore(s *segment) {
	content, err := s.load(0, s.durable)
	if err == nil && len(content) > 0 {
		err = j.replace(s, content)
	}
	outcome := "made again from the open file"
	if err != nil || int64(len(content)) < s.durable {
		outcome = "could not be made again as it was"
	}
	j.mu.Lock()
	s.sealed, s.allocated, s.durable = true, 0, int64(len(content))
	j.mu.Unlock()
	j.tampered("a journal file was removed, replaced or shortened", map[string]string{
		"file": filepath.Base(s.path), "outcome": outcome, "bytes": fmt.Sprint(len(content)),
	})
}

// replace gives a segment a new file with content.
func (j *journal) replace(s *segment, content []byte) error {
	path := j.unusedPath(s.epoch, s.first)
	f, err := j.disk.create(path, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(content, 0)
	if err = errors.Join(err, f.Sync(), syncDir(j.dir)); err != nil {
		f.Close()
		return err
	}
	made, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	s.file.Close()
	s.path, s.file, s.made = path, f, made
	return nil
}

// inspect looks at the files that are open, so that a removed one is noticed without an event, and closes the oldest when
// many are open.
func (j *journal) inspect() {
	j.mu.Lock()
	segments := slices.Clone(j.segments)
	j.mu.Unlock()
	open := 0
	for _, s := range slices.Backward(segments) {
		seen := j.look(s)
		if seen.file == nil {
			continue
		}
		if open++; open > maxOpen {
			j.closeFile(s)
			continue
		}
		if err := seen.check(); errors.Is(err, errMoved) && !j.isGone(s) {
			if s == j.current {
				j.current = nil
			}
			j.restore(s)
		}
	}
	j.prepare()
}
