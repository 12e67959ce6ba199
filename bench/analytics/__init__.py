"""Analytics under load: from Envoy's access log stream to compressed batches."""
