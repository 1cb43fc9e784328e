package keyring

import "github.com/locketpod/locket/internal/secret"

// A device secret is 16 random bytes that a device keeps beside the pod's folder. Mixed
// into a password slot they make the password useless to whoever has only the header.
// Its text is "ld_" and base32 of the bytes and a checksum of 4.

const deviceSecretSize = 16

var deviceForm = textForm{prefix: "ld_", name: "device secret", min: deviceSecretSize, max: deviceSecretSize}

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
