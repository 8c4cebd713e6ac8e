package node_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"

	"savoirs/node"
	"savoirs/node/nodetest"
)

var notebook = map[string]string{"ti-jo.md": "# Ti-Jo\n\nTi-Jo prend deux comprimés de quinine le soir.\n"}

// round carries a stick to a node, which loads it.
func round(t *testing.T, n *node.Node, usb string) map[string]node.Arrival {
	t.Helper()
	l, err := n.LoadStick(t.Context(), usb, nil)
	if err != nil {
		t.Fatal(err)
	}
	came := map[string]node.Arrival{}
	for _, a := range l.Items {
		came[a.Title] = a
	}
	return came
}

// acquainted makes nodes that never meet, each of which read of the others' keys
// on a stick.
func acquainted(t *testing.T, count int) (usb string, nodes []*node.Node) {
	t.Helper()
	usb = t.TempDir()
	nodes = nodetest.Start(t, count)
	publish(t, nodes[0], "Jardin", garden)
	for i, n := range append(nodes, nodes...) {
		if i > 0 {
			round(t, n, usb)
		}
		if _, err := n.PackStick(t.Context(), usb, node.PackOptions{All: true}, nil); err != nil {
			t.Fatal(err)
		}
	}
	return usb, nodes
}

func TestAPrivateItemGoesSealedToWhomItIsForAndNobodyElse(t *testing.T) {
	ctx := t.Context()
	usb, nodes := acquainted(t, 3)
	a, b, c := nodes[0], nodes[1], nodes[2]
	item := add(t, a, "Carnet de santé", notebook)
	o := node.PackOptions{For: []string{b.ID().ID}, Private: []string{item.Ref}}
	plan, err := a.PlanStick(ctx, usb, o)
	if err != nil || len(plan.Items) != 1 || !plan.Items[0].Sealed || plan.Items[0].Bytes < 64<<10 {
		t.Fatalf("%+v, %v", plan, err)
	}
	if _, err := a.PackStick(ctx, usb, o, nil); err != nil {
		t.Fatal(err)
	}
	tellsNothing(t, usb, item)

	if came := round(t, c, usb); came["Carnet de santé"].Root != "" {
		t.Errorf("at C: %+v", came)
	}
	if got := round(t, b, usb)["Carnet de santé"]; got.State != node.Waits || !got.Sealed || got.Author.ID != a.ID().ID {
		t.Errorf("at B: %+v", got)
	}
	if hits := search(t, b, "quinine"); len(hits) > 0 {
		t.Errorf("found before it was accepted: %v", hits)
	}
	tellsNothing(t, usb, item) // with B's receipts and want list
	got, err := b.Accept(ctx, item.Root, nil)
	if err != nil || got.Scope != node.ScopePrivate {
		t.Fatalf("%+v, %v", got, err)
	}
	mustFind(t, b, "quinine", "ti-jo.md")
	round(t, b, usb)
	tellsNothing(t, usb, item)

	round(t, a, usb)
	receipts, err := a.StickReceipts(ctx)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, r := range receipts {
		if r.Title == "Carnet de santé" && r.Mine && r.State == node.Delivered && r.Node.ID == b.ID().ID {
			told++
		}
	}
	if told != 1 {
		t.Errorf("receipts: %+v", receipts)
	}
}

// tellsNothing reads every byte of a stick.
func tellsNothing(t *testing.T, usb string, item node.Item) {
	t.Helper()
	root, err := cid.Decode(item.Root)
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[string][]byte{
		"title": []byte(item.Title), "file name": []byte("ti-jo"), "words": []byte("quinine"),
		"root": []byte(item.Root), "hash of the root": root.Hash()[2:10],
	}
	err = fs.WalkDir(os.DirFS(usb), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(usb, name))
		for what, secret := range secrets {
			if bytes.Contains(b, secret) || strings.Contains(name, string(secret)) {
				t.Errorf("%s tells the %s", name, what)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestATrustedSendersSealedItemIsPrivateAtOnce(t *testing.T) {
	usb, nodes := acquainted(t, 2)
	a, b := nodes[0], nodes[1]
	if _, err := b.Trust(a.ID().ID); err != nil {
		t.Fatal(err)
	}
	item := add(t, a, "Carnet de santé", notebook)
	if _, err := a.PackStick(t.Context(), usb, node.PackOptions{For: []string{b.ID().ID}, Private: []string{item.Root}}, nil); err != nil {
		t.Fatal(err)
	}
	if got := round(t, b, usb)["Carnet de santé"]; got.State != node.Delivered {
		t.Errorf("%+v", got)
	}
	mustFind(t, b, "quinine", "ti-jo.md")
	if got := round(t, b, usb)["Carnet de santé"]; got.State != node.AlreadyHere {
		t.Errorf("again: %+v", got)
	}
}

func TestARefusedSealedItemIsToldByItsFileAlone(t *testing.T) {
	usb, nodes := acquainted(t, 2)
	a, b := nodes[0], nodes[1]
	item := add(t, a, "Carnet de santé", notebook)
	o := node.PackOptions{For: []string{b.ID().ID}, Private: []string{item.Root}}
	if _, err := a.PackStick(t.Context(), usb, o, nil); err != nil {
		t.Fatal(err)
	}
	round(t, b, usb)
	if _, err := b.Refuse(t.Context(), item.Root, "ce n'est pas pour nous"); err != nil {
		t.Fatal(err)
	}
	if got := round(t, b, usb)["Carnet de santé"]; got.State != node.WasRefused {
		t.Errorf("%+v", got)
	}
	tellsNothing(t, usb, item)
	round(t, a, usb)
	receipts, err := a.StickReceipts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range receipts {
		if r.Title == "Carnet de santé" && r.State == node.WasRefused && r.Why == "ce n'est pas pour nous" {
			return
		}
	}
	t.Errorf("receipts: %+v", receipts)
}

func TestWhatCannotBeSealedIsRefusedBeforeAByteIsWritten(t *testing.T) {
	ctx := t.Context()
	nodes := nodetest.Start(t, 2)
	a, b := nodes[0], nodes[1]
	usb := t.TempDir()
	secret, public := add(t, a, "Carnet de santé", notebook), publish(t, a, "Jardin", garden)
	for _, c := range []struct {
		o    node.PackOptions
		want node.Reason
	}{
		{node.PackOptions{For: []string{b.ID().ID}, Private: []string{secret.Root}}, node.NoSealKey},
		{node.PackOptions{All: true, Private: []string{secret.Root}}, node.ForWhom},
		{node.PackOptions{For: []string{b.ID().ID}, Private: []string{public.Root}}, node.NotPrivate},
	} {
		_, err := a.PackStick(ctx, usb, c.o, nil)
		if reason, _ := node.ReasonOf(err); reason != c.want {
			t.Errorf("%+v: %v", c.o, err)
		}
	}
	if left, err := os.ReadDir(usb); err != nil || len(left) > 0 {
		t.Errorf("written: %v, %v", left, err)
	}
	if _, err := a.PackStick(ctx, usb, node.PackOptions{For: []string{"personne"}, Private: []string{secret.Root}}, nil); !errors.Is(err, node.ErrWhom) {
		t.Error(err)
	}
}
