//go:build engine

package engine

import (
	"syscall"

	"github.com/ollama/ollama/llm"
)

// dieWithEngine has the kernel kill the runners this process starts when it ends.
func dieWithEngine() {
	llm.LlamaServerSysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
