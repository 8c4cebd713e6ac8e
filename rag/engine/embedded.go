//go:build engine

package engine

import (
	"errors"
	"fmt"
	"net"

	"github.com/ollama/ollama/runner"
	"github.com/ollama/ollama/server"
)

// Embedded tells whether this binary holds the engine.
const Embedded = true

// Main turns this process into the embedded engine, or into one of its runners,
// when args (the process's arguments without its name) say so. The program calls
// it before anything else and ends when ran is true.
//
//	engine SOCKET   serves the engine on a new unix socket until SIGTERM
//	runner …        one loaded model; started by the engine itself
func Main(args []string) (ran bool, err error) {
	switch {
	case len(args) == 2 && args[0] == "engine":
		return true, serve(args[1])
	case len(args) > 1 && args[0] == "runner":
		return true, runner.Execute(args)
	}
	return false, nil
}

// serve answers on socket. A runner outlives an engine that is killed, unless
// the kernel is asked beforehand to end it too.
func serve(socket string) error {
	dieWithEngine()
	ln, err := net.Listen("unix", socket)
	if err != nil {
		return fmt.Errorf("engine socket: %w", err)
	}
	if err := server.Serve(ln); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("serve the engine: %w", err)
	}
	return nil
}
