package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"
)

// sealKeyFile holds the key that private things for this node are sealed with,
// in the text of age: any age program opens with it what was sent here.
const sealKeyFile = "age.key"

// readSealKey reads the key of a node, making it, durably, when there is none.
// Whoever has lost it cannot open what was sealed before: it is sent again once
// the new one has been heard of.
func readSealKey(dir string) (*age.X25519Identity, error) {
	path := filepath.Join(dir, sealKeyFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err := age.GenerateX25519Identity()
		if err != nil {
			return nil, fmt.Errorf("make a key to be sealed for: %w", err)
		}
		return key, replaceFile(path, []byte(key.String()+"\n"))
	}
	if err != nil {
		return nil, fmt.Errorf("read the key to be sealed for: %w", err)
	}
	key, err := age.ParseX25519Identity(strings.TrimSpace(string(b)))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return key, nil
}
