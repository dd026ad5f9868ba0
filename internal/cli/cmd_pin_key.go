package cli

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/auth/pin"
)

func pinKeyCmd(w *World) *cobra.Command {
	var peppers, key, id string
	cmd := command("key", "make the keys of PIN login: the peppers, and what signs tokens",
		`Writes files that are readable by their owner alone, and never overwrites one. The peppers are what makes a stolen table of PINs
worthless: keep them out of the database and of its back-ups, and keep them, since no PIN can be verified without. To put another pepper
in the first one's place, write it above the old line: new PINs use the first, and old ones go on being verified by theirs.

  ringfence pin key --peppers peppers --login-key login.key`,
		func(cmd *cobra.Command, _ []string) error {
			if peppers == "" && key == "" {
				return usage(errors.New("--peppers or --login-key is needed"), "ringfence pin key --peppers FILE --login-key FILE")
			}
			if peppers != "" {
				if err := writeSecret(peppers, []byte(pin.NewPepper(id))); err != nil {
					return err
				}
			}
			if key == "" {
				return nil
			}
			_, private, err := ed25519.GenerateKey(rand.Reader)
			if err != nil {
				return err
			}
			der, err := x509.MarshalPKCS8PrivateKey(private)
			if err != nil {
				return err
			}
			return writeSecret(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
		})
	cmd.Args = atMost(0, "no arguments")
	cmd.Flags().StringVar(&peppers, "peppers", "", "write a pepper to this `FILE`")
	cmd.Flags().StringVar(&key, "login-key", "", "write a key that signs tokens to this `FILE`")
	cmd.Flags().StringVar(&id, "id", "k1", "the pepper's `ID`")
	return cmd
}

// writeSecret writes a file that was not there, for its owner alone.
func writeSecret(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("writing a key: %w", err)
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
