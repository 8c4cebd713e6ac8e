package main

import (
	"runtime"

	"github.com/spf13/cobra"

	"savoirs/rag/engine"
)

func versionCmd(s *shell) *cobra.Command {
	return s.command("version", between(0, 0), func(*cobra.Command, []string) error {
		v := struct {
			Version  string `json:"version"`
			Go       string `json:"go"`
			Platform string `json:"platform"`
			Engine   bool   `json:"engine"` // the engine is inside this binary
		}{version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, engine.Embedded}
		if s.json {
			return s.object(v)
		}
		key := "say.version.no_engine"
		if v.Engine {
			key = "say.version.engine"
		}
		s.line("say.version.line", "version", v.Version, "go", v.Go, "platform", v.Platform, "engine", s.say(key))
		return nil
	})
}
