package main

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"savoirs/rag/zim/zimtest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"savoirs": main})
}

// TestScripts runs testdata/*.txtar against the real program. Each script has
// a home of its own, speaks English, keeps its node in $WORK/node, uses free
// ports of 127.0.0.1 and no model. Beside the usual commands there are:
//
//	exits N COMMAND…           the command must end with that exit code
//	ready [DIR]                wait until the node in DIR ($SAVOIRS_DATA) answers
//	eventually PATTERN COMMAND…  repeat until stdout matches
//	set NAME COMMAND…          keep stdout in a variable
//	keys KEY…                  stdout is one JSON object with just these keys
//	large FILE BYTES TEXT      write TEXT over and over
//	archive FILE BYTES         write a ZIM archive of a few articles, without its last BYTES
//	spoil FILE                 change its last byte
//	hold                       a request that never ends
//	gone                       wait until the node takes no more requests
//	slownode                   something that takes a question and never answers;
//	asked                      wait until it has one
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			home := filepath.Join(e.WorkDir, "home")
			e.Setenv("HOME", home)
			e.Setenv("SAVOIRS_DATA", filepath.Join(e.WorkDir, "node"))
			e.Setenv("SAVOIRS_HTTP", "127.0.0.1:0")
			e.Setenv("SAVOIRS_ENGINE", "none")
			e.Setenv("SAVOIRS_LANG", "en")
			e.Values[questionsKey{}] = make(chan struct{}, 1)
			return os.MkdirAll(home, 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "ready": ready, "eventually": eventually, "set": setVariable, "keys": keys, "spoil": spoil, "large": large, "archive": archive,
			"hold": hold, "gone": gone, "slownode": slowNode, "asked": asked,
		},
		RequireUniqueNames: true,
	})
}

// patience is how long a script waits for a state.
const patience = 20 * time.Second

// poll looks again and again until the state is there.
func poll(ts *testscript.TestScript, what string, state func() bool) {
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-look.C {
		if state() {
			return
		}
	}
	ts.Fatalf("waited %v for %s", patience, what)
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits N COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%s exited with %d, not %d", strings.Join(args[1:], " "), got, want)
	}
}

func ready(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.Getenv("SAVOIRS_DATA")
	if len(args) == 1 {
		dir = ts.MkAbs(args[0])
	}
	poll(ts, "the node in "+dir, func() bool {
		addr, err := os.ReadFile(filepath.Join(dir, addressFile))
		if err != nil {
			return false
		}
		resp, err := http.Get("http://" + strings.TrimSpace(string(addr)) + "/api/savoirs/v1/status")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

func eventually(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: eventually PATTERN COMMAND…")
	}
	pattern, err := regexp.Compile(args[0])
	ts.Check(err)
	poll(ts, args[0], func() bool {
		err := ts.Exec(args[1], args[2:]...)
		return err == nil && pattern.MatchString(ts.ReadFile("stdout")) != neg
	})
}

func setVariable(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: set NAME COMMAND…")
	}
	ts.Check(ts.Exec(args[1], args[2:]...))
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

func keys(ts *testscript.TestScript, _ bool, args []string) {
	var object map[string]any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &object))
	slices.Sort(args)
	if diff := cmp.Diff(args, slices.Sorted(maps.Keys(object))); diff != "" {
		ts.Fatalf("other keys:\n%s", diff)
	}
}

func spoil(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: spoil FILE")
	}
	b := []byte(ts.ReadFile(args[0]))
	b[len(b)-1] ^= 1
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o600))
}

func large(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: large FILE BYTES TEXT")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Repeat(args[2], n/len(args[2])+1)[:n]), 0o600))
}

// archive writes articles about plants, as a Kiwix library holds them.
func archive(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: archive FILE BYTES")
	}
	cut, err := strconv.Atoi(args[1])
	ts.Check(err)
	page := func(title, text string) string {
		return "<html><head><title>" + title + "</title><script>alert(1)</script></head><body><h1>" + title + `</h1><p><img src="../I/plant.png"> ` + text +
			` <a href="Yam">Yam</a></p><div class="navbox">Plants of the world</div></body></html>`
	}
	data := zimtest.Archive{Compression: zimtest.Zstd, MainPage: "C/A/Cassava", Entries: []zimtest.Entry{
		{Name: "C/A/Cassava", Title: "Cassava", Text: page("Cassava", "Cassava is planted in April from cuttings, and its roots are dug up after eight to eighteen months.")},
		{Name: "C/A/Yam", Title: "Yam", Text: page("Yam", "The yam is harvested in December, when its leaves dry, and keeps for half a year in an airy shed.")},
		{Name: "C/A/Manioc", To: "C/A/Cassava"},
		{Name: "C/I/plant.png", MIME: "image/png", Text: "\x89PNG\r\n\x1a\n"},
		zimtest.Metadata("Title", "Plants of the garden"), zimtest.Metadata("Language", "eng"), zimtest.Metadata("Creator", "Garden club"),
		zimtest.Metadata("Date", "2024-05-01"), zimtest.Metadata("Description", "What grows here."), zimtest.Metadata("Counter", "text/html=2;image/png=1"),
	}}.Bytes()
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data[:len(data)-cut], 0o600))
}

func nodeAddress(ts *testscript.TestScript) string {
	return strings.TrimSpace(ts.ReadFile(filepath.Join(ts.Getenv("SAVOIRS_DATA"), addressFile)))
}

func hold(ts *testscript.TestScript, _ bool, _ []string) {
	addr := nodeAddress(ts)
	ts.Setenv("HELD", addr)
	c, err := net.Dial("tcp", addr)
	ts.Check(err)
	ts.Defer(func() { c.Close() })
	_, err = io.WriteString(c, "POST /api/savoirs/v1/ask HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	ts.Check(err)
	// One answered request later the node has taken up the held one as well.
	resp, err := http.Get("http://" + addr + "/api/savoirs/v1/status")
	ts.Check(err)
	resp.Body.Close()
}

func gone(ts *testscript.TestScript, _ bool, _ []string) {
	poll(ts, "the node to close its port", func() bool {
		c, err := net.Dial("tcp", ts.Getenv("HELD"))
		if err == nil {
			c.Close()
		}
		return err != nil
	})
}

// slowNode stands for a node whose answer takes longer than a person waits.
func slowNode(ts *testscript.TestScript, _ bool, _ []string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		io.WriteString(w, `{"event":{"event":"text","text":"The rain"}}`+"\n")
		http.NewResponseController(w).Flush()
		ts.Value(questionsKey{}).(chan struct{}) <- struct{}{}
		<-r.Context().Done()
	}))
	ts.Defer(server.Close)
	ts.Setenv("SAVOIRS_API", server.URL)
}

// questions is the key of what the slow node was asked.
type questionsKey struct{}

func asked(ts *testscript.TestScript, _ bool, _ []string) {
	select {
	case <-ts.Value(questionsKey{}).(chan struct{}):
	case <-time.After(patience):
		ts.Fatalf("nobody asked")
	}
}
