package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"

	"savoirs/node"
)

func initCmd(s *shell) *cobra.Command {
	c := s.command("init", between(0, 0), func(*cobra.Command, []string) error {
		id, err := node.Init(s.set.Data)
		if err != nil {
			return err
		}
		config, err := s.writeConfig(filepath.Join(s.set.Data, "config.toml"))
		if err != nil {
			return err
		}
		if s.json {
			return s.object(struct {
				node.Identity
				Config string `json:"config,omitempty"`
			}{id, config})
		}
		s.line("say.init.done", "dir", id.Dir, "id", id.ID)
		if config != "" {
			s.line("say.init.config", "path", config)
		}
		s.tell("say.init.next")
		return nil
	})
	for _, name := range []string{"territory", "name"} {
		c.Flags().AddFlag(s.set.flags.Lookup(name))
	}
	return c
}

// writeConfig keeps what the command line said of the new node in its own
// configuration file, unless there is one already. It returns the path written, if any.
func (s *shell) writeConfig(path string) (string, error) {
	var text strings.Builder
	for _, name := range []string{"territory", "name", "lang"} {
		if f := s.set.flags.Lookup(name); f.Changed {
			line, err := toml.Marshal(map[string]string{name: f.Value.String()})
			if err != nil {
				return "", fmt.Errorf("write %s: %w", path, err)
			}
			text.Write(line)
		}
	}
	if text.Len() == 0 {
		return "", nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if os.IsExist(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if _, err := f.WriteString(text.String()); err != nil {
		f.Close()
		return "", err
	}
	return path, f.Close()
}
