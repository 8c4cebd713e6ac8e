package node_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/node"
	"savoirs/node/nodetest"
	"savoirs/p2p"
	"savoirs/store"
)

// kubo is the most used implementation of IPFS, in a repository of its own,
// that speaks on loopback only and looks for nobody.
type kubo struct {
	t             *testing.T
	program, repo string
}

// newKubo makes one. SAVOIRS_TEST_KUBO is the program (deploy/bench/peers.sh
// builds it); without it the test is skipped, which with SAVOIRS_REQUIRE_KUBO=1
// is a failure.
func newKubo(t *testing.T) *kubo {
	t.Helper()
	k := &kubo{t: t, program: os.Getenv("SAVOIRS_TEST_KUBO"), repo: t.TempDir()}
	if k.program == "" {
		if os.Getenv("SAVOIRS_REQUIRE_KUBO") == "1" {
			t.Fatal("SAVOIRS_TEST_KUBO is not set")
		}
		t.Skip("no real kubo: SAVOIRS_TEST_KUBO is not set")
	}
	k.ipfs("init", "--empty-repo", "--profile=test")
	for key, value := range map[string]any{
		"Addresses.Swarm": []string{"/ip4/127.0.0.1/tcp/0"}, "Addresses.API": "/ip4/127.0.0.1/tcp/0", "Addresses.Gateway": []string{},
		"Bootstrap": []string{}, "Discovery.MDNS.Enabled": false, "Routing.Type": "none", "Provide.Enabled": false,
		"AutoConf.Enabled": false, "AutoTLS.Enabled": false, "Swarm.DisableNatPortMap": true, "Swarm.RelayClient.Enabled": false,
	} {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		k.ipfs("config", "--json", key, string(text))
	}
	return k
}

// try runs an ipfs command, for a minute at most.
func (k *kubo) try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, k.program, args...)
	cmd.Env = k.env()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("ipfs %s: %w: %s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return string(out), nil
}

func (k *kubo) env() []string { return append(os.Environ(), "IPFS_PATH="+k.repo, "IPFS_TELEMETRY=off") }

func (k *kubo) ipfs(args ...string) string {
	k.t.Helper()
	out, err := k.try(args...)
	if err != nil {
		k.t.Fatal(err)
	}
	return out
}

// add adds a folder and returns its root.
func (k *kubo) add(folder string, args ...string) cid.Cid {
	k.t.Helper()
	root, err := cid.Decode(strings.TrimSpace(k.ipfs(append([]string{"add", "-Q", "-r", folder}, args...)...)))
	if err != nil {
		k.t.Fatal(err)
	}
	return root
}

// run starts the daemon until the end of the test.
func (k *kubo) run() {
	k.t.Helper()
	cmd := exec.Command(k.program, "daemon")
	cmd.Env = k.env()
	cmd.Stdout, cmd.Stderr = k.t.Output(), k.t.Output()
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		killer := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
		cmd.Wait()
		killer.Stop()
	})
	nodetest.Until(k.t, "the daemon answers", func() bool {
		_, err := os.Stat(filepath.Join(k.repo, "api"))
		if err == nil {
			_, err = k.try("swarm", "peers")
		}
		return err == nil
	})
}

// addr is where the daemon listens.
func (k *kubo) addr() string {
	return strings.Fields(k.ipfs("id", "-f", "<addrs>"))[0]
}

// library has what a folder may have: folders, accents, an empty file, one that
// fits a block and one that does not.
func library() map[string]string {
	large := make([]byte, 3<<20)
	rand.NewChaCha8([32]byte{4}).Read(large)
	return map[string]string{
		"LISEZMOI.md":                        "# Bibliothèque\n\nDes savoirs de Vieux-Bourg.\n",
		"vide.txt":                           "",
		"Éducation/Ça pousse à l'été.md":     "# Ça pousse\n\nL'igname, le manioc et le giraumon.\n",
		"Éducation/cours/leçon n°1/début.md": "Bonjour, 您好, नमस्ते.\n",
		"images/très grande image.bin":       string(large),
	}
}

// contents maps the path of each file to the digest of its bytes.
func contents(t *testing.T, fsys fs.FS) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(fsys, p)
		all[p] = fmt.Sprintf("%d bytes, %x", len(b), sha256.Sum256(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func mustEqual(t *testing.T, what string, want, got map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestKuboReadsAPublishedItemOverBitswapAndNothingPrivate(t *testing.T) {
	k := newKubo(t)
	o := nodetest.Options(t, t.TempDir())
	n, stop := nodetest.Run(t, o)
	secret := add(t, n, "Registre", map[string]string{"registre.md": "# Registre\n\nLe dossier de Madame Zéphirin est confidentiel.\n"})
	folder := nodetest.Folder(t, library())
	item, err := n.Add(t.Context(), folder, node.AddOptions{Title: "Bibliothèque"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Publish(t.Context(), item.Root, node.PublishOptions{}); err != nil {
		t.Fatal(err)
	}
	stop()
	hidden := everyBlock(t, o.Dir, secret.Root)
	n, _ = nodetest.Run(t, o)

	k.run()
	k.ipfs("swarm", "connect", n.ID().Addrs[0])
	got := filepath.Join(t.TempDir(), "got")
	k.ipfs("get", "--output", got, "/ipfs/"+item.Root)
	mustEqual(t, "what kubo read", contents(t, os.DirFS(folder)), contents(t, os.DirFS(got)))
	for _, c := range hidden {
		if _, err := k.try("--timeout=1s", "block", "get", c.String()); err == nil {
			t.Errorf("kubo was given block %s of a private item", c)
		}
	}
}

func TestKuboImportsOurCARUnderTheSameRoot(t *testing.T) {
	k := newKubo(t)
	s := openStore(t)
	folder := nodetest.Folder(t, library())
	item, err := s.Add(t.Context(), folder, store.AddOptions{})
	if err != nil {
		t.Fatal(err)
	}
	path := export(t, s, item.Root)
	if out := k.ipfs("dag", "import", "--stats", path); !strings.Contains(out, item.Root.String()) {
		t.Errorf("imported: %s, want the root %s", out, item.Root)
	}
	got := filepath.Join(t.TempDir(), "got")
	k.ipfs("get", "--output", got, "/ipfs/"+item.Root.String())
	mustEqual(t, "what kubo has", contents(t, os.DirFS(folder)), contents(t, os.DirFS(got)))
}

func TestWhatKuboAddsWeImportUnderTheSameRoot(t *testing.T) {
	k := newKubo(t)
	s := openStore(t)
	folder := nodetest.Folder(t, library())
	crowd := map[string]string{}
	for i := range 300 {
		crowd[fmt.Sprintf("fiche n°%03d.txt", i)] = fmt.Sprintf("La fiche %d.\n", i)
	}
	many := nodetest.Folder(t, crowd)
	k.ipfs("config", "Import.UnixFSHAMTDirectorySizeThreshold", "4KiB")
	for _, c := range []struct {
		name, folder string
		args         []string
	}{
		{"as it is by default", folder, nil},
		{"CIDv0, blocks wrapped in dag-pb", folder, []string{"--cid-version=0", "--raw-leaves=false"}},
		{"CIDv1, raw leaves", folder, []string{"--cid-version=1", "--raw-leaves"}},
		{"1 MiB chunks", folder, []string{"--cid-version=1", "--chunker=size-1048576"}},
		{"content-defined chunks", folder, []string{"--cid-version=1", "--chunker=buzhash"}},
		{"trickle", folder, []string{"--cid-version=1", "--trickle"}},
		{"inlined small blocks", folder, []string{"--cid-version=1", "--inline"}},
		{"a folder in shards", many, []string{"--cid-version=1"}},
		{"a folder in shards, CIDv0", many, []string{"--cid-version=0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := k.add(c.folder, c.args...)
			item, err := s.Import(t.Context(), strings.NewReader(k.ipfs("dag", "export", root.String())), store.ReceiveOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(item.Root.Hash(), root.Hash()) {
				t.Errorf("root %s, kubo says %s", item.Root, root)
			}
			fsys, err := s.FS(item.Root)
			if err != nil {
				t.Fatal(err)
			}
			mustEqual(t, "what we have", contents(t, os.DirFS(c.folder)), contents(t, fsys))
			back := export(t, s, item.Root)
			if out := k.ipfs("dag", "import", "--stats", back); !strings.Contains(out, item.Root.String()) {
				t.Errorf("taken back by kubo: %s, want the root %s", out, item.Root)
			}
		})
	}
}

func TestAnItemThatOnlyKuboStillHasIsPulledFromIt(t *testing.T) {
	k := newKubo(t)
	author, stop := nodetest.Run(t, nodetest.Options(t, t.TempDir()))
	reader := nodetest.Start(t, 1)[0]
	nodetest.Connect(t, reader, author)
	item := publish(t, author, "Bibliothèque", library())
	waitForOffer(t, reader, item.Root)
	k.run()
	k.ipfs("swarm", "connect", author.ID().Addrs[0])
	k.ipfs("pin", "add", item.Root)
	stop()

	if _, err := reader.Join(t.Context(), k.addr(), false); err != nil {
		t.Fatal(err)
	}
	if got, err := reader.Pull(t.Context(), item.Root, nil); err != nil || !got.Here || got.Size != item.Size {
		t.Fatalf("pulled from kubo: %+v, %v", got, err)
	}
}

// What kubo made itself, in a shape that is not ours.
func TestADAGOfKubosIsFetchedOverBitswap(t *testing.T) {
	k := newKubo(t)
	folder := nodetest.Folder(t, library())
	root := k.add(folder)
	k.run()
	target, err := peer.AddrInfoFromString(k.addr())
	if err != nil {
		t.Fatal(err)
	}
	m, _ := strangerMesh(t, *target)
	s := openStore(t)
	in, err := s.Receive(t.Context(), root, store.ReceiveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := m.Fetch(t.Context(), root, in, p2p.FetchOptions{}); err != nil {
		t.Fatal(err)
	}
	item, err := in.Complete(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fsys, err := s.FS(item.Root)
	if err != nil {
		t.Fatal(err)
	}
	mustEqual(t, "what arrived", contents(t, os.DirFS(folder)), contents(t, fsys))
}

// An empty file is a block of no bytes, which bitswap alone would never send.
func TestAnEmptyFileIsServedOverBitswap(t *testing.T) {
	o := nodetest.Options(t, t.TempDir())
	n, stop := nodetest.Run(t, o)
	item := publish(t, n, "Vide", map[string]string{"vide.txt": ""})
	stop()
	blocks := everyBlock(t, o.Dir, item.Root)
	n, _ = nodetest.Run(t, o)
	target, err := peer.AddrInfoFromString(n.ID().Addrs[0])
	if err != nil {
		t.Fatal(err)
	}
	swap := strangerBitswap(t, *target)
	for _, c := range blocks {
		if !gets(swap, c, 20*time.Second) {
			t.Errorf("block %s is not served", c)
		}
	}
}

func openStore(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// export writes an item as a CAR and returns its path.
func export(t *testing.T, s *store.Store, root cid.Cid) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "savoirs.car"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := s.Export(t.Context(), root, f); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}
