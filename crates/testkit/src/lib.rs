//! A cluster in a box for tests: network namespaces, images, real kubectl.
