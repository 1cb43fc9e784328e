package keyring

import "github.com/locketpod/locket/internal/secret"

// The texts of secrets that are kept in files and key stores: a prefix, then base32 of
// the bytes and a checksum of 4.
var (
	deviceForm  = textForm{prefix: "ld_", name: "device secret", min: deviceSecretSize, max: deviceSecretSize}
	machineForm = textForm{prefix: "lm_", name: "machine's key", min: SecretSize, max: SecretSize}
)

// A device secret is 16 random bytes that a device keeps apart from the pod's folder.
// Mixed into a password slot they make the password useless to whoever has only the
// header.
const deviceSecretSize = 16

// NewDeviceSecret draws a device secret, which the caller wipes.
func NewDeviceSecret() *secret.Key { return secret.Random(deviceSecretSize) }

// DeviceText returns the text of a device secret, which the caller wipes.
func DeviceText(device *secret.Key) *secret.Key { return deviceForm.write(device.Bytes()) }

// ParseDevice reads the text of a device secret, strictly. Its error has
// CodeUnauthenticated. The caller wipes text and what it gets.
func ParseDevice(text []byte) (*secret.Key, error) {
	body, err := deviceForm.parse(text)
	if err != nil {
		return nil, err
	}
	return secret.Take(body), nil
}

// MachineText returns the text of a machine's secret, which the caller wipes.
func MachineText(kept *secret.Key) *secret.Key { return machineForm.write(kept.Bytes()) }

// ParseMachine reads the text of a machine's secret, strictly. Its error has
// CodeUnauthenticated. The caller wipes text and what it gets.
func ParseMachine(text []byte) (Machine, error) {
	body, err := machineForm.parse(text)
	if err != nil {
		return Machine{}, err
	}
	return Machine{Secret: secret.Take(body)}, nil
}
