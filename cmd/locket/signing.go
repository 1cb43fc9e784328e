package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"io"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
)

// maxKeyFile is more than the longest file with a signing key, in bytes.
const maxKeyFile = 16 << 10

// readSigningKey reads an Ed25519 key (PEM, PKCS #8: RFC 8410). The caller clears it.
func readSigningKey(path string) (ed25519.PrivateKey, error) {
	data, err := readFile(nil, path, maxKeyFile)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	wrong := locket.Errorf(locket.CodeInvalid, "%s holds no signing key: expected Ed25519 in PEM, as 'locket principal keygen' or 'openssl genpkey -algorithm ed25519' writes it", path)
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, wrong
	}
	defer clear(block.Bytes)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, wrong.Because(err)
	}
	own, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, wrong
	}
	return own, nil
}

// publicKeyOut is what "principal keygen" prints.
type publicKeyOut struct {
	PublicKey string `json:"publicKey"`
	File      string `json:"file"`
}

func (c *cli) keygenCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "keygen -o FILE",
		Short: "Make a key to sign one's own changes with",
		Long: `Make an Ed25519 key to sign one's own changes with. FILE gets the private half, in PEM,
readable by you alone; the public half is printed, for 'locket principal add --public-key'.
Commands sign with it when --sign-with or ` + envSign + ` names the file. It opens nothing.`,
		Example: "  locket principal keygen -o scribe.pem",
		Args:    takes(),
		RunE: func(*cobra.Command, []string) error {
			if file == "" {
				return locket.Errorf(locket.CodeInvalid, "-o is missing: the file for the private key")
			}
			public, err := newSigningKey(file)
			if err != nil {
				return err
			}
			out := publicKeyOut{hex.EncodeToString(public), file}
			return c.print(out, func(p *printer) { p.line("%s", out.PublicKey) })
		},
	}
	cmd.Flags().StringVarP(&file, "output", "o", "", "new file for the private key")
	return cmd
}

func newSigningKey(path string) (ed25519.PublicKey, error) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	defer clear(private)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	defer clear(der)
	return public, writeNew(path, func(w io.Writer) error { return pem.Encode(w, &pem.Block{Type: "PRIVATE KEY", Bytes: der}) })
}
