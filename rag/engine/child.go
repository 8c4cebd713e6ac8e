package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	maxSocketPath = 100              // sun_path holds 108 bytes
	startTimeout  = 15 * time.Second // from start to the first connection
	stopTimeout   = 5 * time.Second  // from SIGTERM to SIGKILL
	firstPause    = 200 * time.Millisecond
	longestPause  = 30 * time.Second
	steady        = time.Minute // having run so long, a death is the first again
	lastWords     = 8           // lines of the engine kept for an error
	longestLine   = 2048        // bytes of a line that are kept
)

var errClosed = errors.New("the engine is closed")

// A child is the embedded engine as a process of its own: it takes over signals,
// the default log and the default HTTP routes of whatever process it is in. It is
// the head of a process group with the runners it starts, so that all can be
// ended together, and the kernel kills it when this process ends.
type child struct {
	command []string
	dir     string
	socket  string
	scratch string // directory made for the socket when dir is too long for one
	log     *slog.Logger

	mu      sync.Mutex // guards what follows
	process *process   // the latest; nil before the first start
	closed  bool
	said    []string // the last lines of the latest process
}

// A process is one run of the engine.
type process struct {
	pid   int
	began time.Time
	gone  chan struct{} // closed when it has ended and its group is dead
	err   error         // how it ended; read after gone
}

func newChild(command []string, dir string, log *slog.Logger) (*child, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "models"), 0o700); err != nil {
		return nil, err
	}
	c := &child{command: command, dir: dir, socket: filepath.Join(dir, "engine.sock"), log: log}
	if len(c.socket) > maxSocketPath {
		if c.scratch, err = os.MkdirTemp(os.Getenv("XDG_RUNTIME_DIR"), "savoirs-"); err != nil {
			return nil, err
		}
		c.socket = filepath.Join(c.scratch, "engine.sock")
	}
	return c, nil
}

// environment is all the child gets: nothing of Ollama's own settings, no proxy,
// no home but its own folder.
func (c *child) environment() []string {
	env := []string{
		"HOME=" + c.dir,
		"OLLAMA_MODELS=" + c.modelsDir(),
		"OLLAMA_NOPRUNE=1",  // a blob without a model may be one being installed
		"OLLAMA_NO_CLOUD=1", // no inference elsewhere, no web search
		"OLLAMA_MAX_LOADED_MODELS=2",
		"OLLAMA_NUM_PARALLEL=1",
		"OLLAMA_KEEP_ALIVE=10m",
		"OLLAMA_CONTEXT_LENGTH=4096",
		"GIN_MODE=release",
	}
	for _, name := range []string{"PATH", "TMPDIR", "LD_LIBRARY_PATH"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

func (c *child) modelsDir() string { return filepath.Join(c.dir, "models") }

// start runs the engine, unless it runs already. It does not wait for it to answer.
func (c *child) start() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return errClosed
	}
	if c.process != nil && !c.process.ended() {
		return nil
	}
	// What a killed engine left behind.
	if err := os.Remove(c.socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	args := append(append([]string(nil), c.command[1:]...), c.socket)
	cmd := exec.Command(c.command[0], args...)
	cmd.Env = c.environment()
	cmd.Dir = c.dir
	cmd.SysProcAttr = attributes()
	said, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	c.said = nil
	p := &process{began: time.Now(), gone: make(chan struct{})}
	started := make(chan error)
	// The kernel sends the parent-death signal when the thread that started the
	// child ends, so this thread is kept for as long as the child lives.
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		p.pid = cmd.Process.Pid
		started <- nil
		var listening sync.WaitGroup
		listening.Go(func() { c.listen(said) })
		awaitExit(cmd)
		_ = syscall.Kill(-p.pid, syscall.SIGKILL) // its runners
		listening.Wait()
		p.err = cmd.Wait()
		close(p.gone)
	}()
	if err := <-started; err != nil {
		return err
	}
	c.process = p
	return nil
}

// listen logs what the engine says until its whole group has ended, and keeps the
// last of it.
func (c *child) listen(from io.Reader) {
	lines := bufio.NewReaderSize(from, longestLine)
	for {
		line, cut, err := lines.ReadLine()
		for cut && err == nil {
			_, cut, err = lines.ReadLine()
		}
		if err != nil {
			return
		}
		if text := strings.TrimSpace(string(line)); text != "" {
			c.log.Debug("engine says", "line", text)
			c.mu.Lock()
			c.said = append(c.said, text)
			c.said = c.said[max(0, len(c.said)-lastWords):]
			c.mu.Unlock()
		}
	}
}

// words are the last lines of the engine, for an error.
func (c *child) words() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.said, " | ")
}

func (p *process) ended() bool {
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

// supervise starts the engine again whenever it has died, until ctx ends.
func (c *child) supervise(ctx context.Context) error {
	pause := firstPause
	for {
		c.mu.Lock()
		p := c.process
		c.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil
		case <-p.gone:
		}
		c.mu.Lock()
		closed := c.closed
		c.mu.Unlock()
		if closed {
			return nil
		}
		if time.Since(p.began) > steady {
			pause = firstPause
		}
		c.log.Warn("the engine ended and is started again", "err", p.err, "pause", pause, "said", c.words())
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
		if err := c.start(); err != nil {
			if errors.Is(err, errClosed) {
				return nil
			}
			return fmt.Errorf("start the engine again: %w", err)
		}
	}
}

// dial connects to the engine, waiting while it starts.
func (c *child) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", c.socket)
		if err == nil {
			return conn, nil
		}
		c.mu.Lock()
		closed := c.closed
		c.mu.Unlock()
		if closed {
			return nil, errClosed
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// close ends the engine and its runners, politely first, and waits until none is left.
func (c *child) close() error {
	c.mu.Lock()
	p := c.process
	c.closed = true
	c.mu.Unlock()
	if p != nil && !p.ended() {
		_ = syscall.Kill(p.pid, syscall.SIGTERM)
		select {
		case <-p.gone:
		case <-time.After(stopTimeout):
			_ = syscall.Kill(-p.pid, syscall.SIGKILL)
			<-p.gone
		}
	}
	err := os.Remove(c.socket)
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if c.scratch != "" {
		err = os.RemoveAll(c.scratch)
	}
	return err
}
