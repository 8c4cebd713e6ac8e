//go:build !engine

package engine

import "errors"

// Embedded tells whether this binary holds the engine.
const Embedded = false

// Main refuses to be the engine: this binary was built without it.
func Main(args []string) (ran bool, err error) {
	if len(args) > 0 && (args[0] == "engine" || args[0] == "runner") {
		return true, errors.New("this build of savoirs has no embedded engine; build it with deploy/engine/build.sh")
	}
	return false, nil
}
