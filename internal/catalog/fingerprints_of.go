package catalog

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// FingerprintsOf reads the catalogue on conn and gives the present fingerprint of each of the objects by identity; an object that
// is not there is left out. Errors are Read's.
func FingerprintsOf(ctx context.Context, conn *pgx.Conn, objects []string) (map[string]string, error) {
	s, err := Read(ctx, conn, Options{})
	if err != nil {
		return nil, err
	}
	all, out := s.Fingerprints(), make(map[string]string, len(objects))
	for _, o := range objects {
		if f, ok := all[o]; ok {
			out[o] = f
		}
	}
	return out, nil
}
