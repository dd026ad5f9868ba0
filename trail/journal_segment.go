package trail

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"
)

// DefaultSegmentSize is the size of a journal's segment file in bytes, and of the room kept ready for a full disk.
const DefaultSegmentSize = 16 << 20

const (
	segmentSuffix = ".rfj"
	spareName     = "spare.tmp"
)

// segmentFile is what a segment needs of a file; tests put faults in its place.
type segmentFile interface {
	WriteAt(p []byte, off int64) (int, error)
	ReadAt(p []byte, off int64) (int, error)
	Sync() error
	Stat() (os.FileInfo, error)
	Truncate(size int64) error
	Close() error
}

// segment is one file of the journal. Its fields are guarded by the journal's lock, but for file, which only the committer
// writes to and which may be read at any time up to durable.
type segment struct {
	path      string
	epoch     int64
	first     int64 // sequence of the first event
	count     int64 // events in it; of a segment left by an earlier process an estimate until it was read
	durable   int64 // bytes known to be on disk
	sealed    bool  // nothing more will be written
	allocated int64 // bytes written ahead
	oldest    time.Time
	made      os.FileInfo // the file as it was made, while it is open
	file      segmentFile // open while it is written, and until it was shipped unless too many are
}

// segmentName orders by epoch and sequence when names are sorted as text.
func segmentName(epoch, first int64) string {
	return fmt.Sprintf("%019d-%019d%s", epoch, first, segmentSuffix)
}

// parseSegmentName reads what segmentName wrote; what follows a second hyphen tells files of one sequence apart.
func parseSegmentName(name string) (epoch, first int64, ok bool) {
	stem, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok {
		return 0, 0, false
	}
	parts := strings.SplitN(stem, "-", 3)
	if len(parts) < 2 {
		return 0, 0, false
	}
	epoch, errEpoch := strconv.ParseInt(parts[0], 10, 64)
	first, errFirst := strconv.ParseInt(parts[1], 10, 64)
	return epoch, first, errEpoch == nil && errFirst == nil
}

// listSegments returns the segments in dir in the order of their events.
func listSegments(dir string) ([]*segment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("listing the journal: %w", err)
	}
	var all []*segment
	for _, entry := range entries {
		epoch, first, ok := parseSegmentName(entry.Name())
		if !ok || !entry.Type().IsRegular() {
			continue
		}
		s := &segment{path: filepath.Join(dir, entry.Name()), epoch: epoch, first: first, sealed: true}
		if info, err := entry.Info(); err == nil {
			s.durable, s.oldest = info.Size(), info.ModTime()
		}
		all = append(all, s)
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].path < all[j].path })
	return all, nil
}

// errMoved says that a path no longer leads to the file that is being written.
var errMoved = errors.New("the journal's file was removed, replaced or shortened")

// check reports whether the segment's path still leads to its file and the file still has what was written to it: a
// process that writes into a deleted file is told of no error. One look at the path tells both.
func (s *segment) check() error {
	named, err := os.Stat(s.path)
	if errors.Is(err, os.ErrNotExist) || err == nil && (!os.SameFile(s.made, named) || named.Size() < max(s.durable, s.allocated)) {
		return errMoved
	}
	if err != nil {
		return fmt.Errorf("looking at the journal's file: %w", err)
	}
	return nil
}

// load returns the segment's bytes from off on, up to what is durable.
func (s *segment) load(off, durable int64) ([]byte, error) {
	f := s.file
	if f == nil {
		opened, err := os.Open(s.path)
		if err != nil {
			return nil, fmt.Errorf("reading the journal: %w", err)
		}
		defer opened.Close()
		f = opened
	}
	b := make([]byte, max(durable-off, 0))
	n, err := f.ReadAt(b, off)
	if n < len(b) && !isEOF(err) {
		return nil, fmt.Errorf("reading the journal: %w", err)
	}
	return b[:n], nil
}
